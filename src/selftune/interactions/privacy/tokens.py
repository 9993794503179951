"""Tokens of services, by the patterns of detect-secrets (Yelp, Apache-2.0).

Its plug-ins say what a token looks like; where one stands in a text, and what surrounds it, is looked at here. Left out
by our own measurement (decisions/0015): its keyword and entropy plug-ins, `Artifactory` (capitals in prose) and public
IP addresses. No plug-in verifies anything: that would send the secret to whom it belongs to.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.privacy.hints import holds_any

if TYPE_CHECKING:
    from collections.abc import Iterator

# Module and class below `detect_secrets.plugins`, and literals in lower case of which a text must hold one.
DETECTORS: Final = {
    "aws.AWSKeyDetector": ("aws", "akia", "asia", "abia", "acca", "a3t"),
    "azure_storage_key.AzureStorageKeyDetector": ("accountkey=",),
    "cloudant.CloudantDetector": ("cloudant",),
    "discord.DiscordBotTokenDetector": (".",),
    "gitlab_token.GitLabTokenDetector": (
        *("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "glcbt-", "glimt-", "glptt-", "glagent-", "gloas-"),
        "gr1348941",
    ),
    "ibm_cloud_iam.IbmCloudIamDetector": ("ibm", "iam", "cloud"),
    "ibm_cos_hmac.IbmCosHmacDetector": ("cos",),
    "mailchimp.MailchimpDetector": ("-us",),
    "npm.NpmDetector": ("_authtoken",),
    "sendgrid.SendGridDetector": ("sg.",),
    "slack.SlackDetector": ("xox", "hooks.slack.com"),
    "softlayer.SoftlayerDetector": ("softlayer",),
    "square_oauth.SquareOAuthDetector": ("sq0csp-",),
    "telegram_token.TelegramBotTokenDetector": (":",),
    "twilio.TwilioKeyDetector": ("ac", "sk"),
}

# Every token they know has a run of so many letters and digits; most texts hold none.
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9_-]{20}")
_EDGES: Final = " \t\r\n=:\"'(),"


def find_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each token, what only frames it left out."""
    if not _LONG_RUN.search(text):
        return
    lowered = text.lower()
    for name, hints in DETECTORS.items():
        if holds_any(lowered, hints):
            for pattern in _patterns(name):
                yield from (_trimmed(text, match) for match in pattern.finditer(text) if _stands_alone(text, match))


@cache
def _patterns(name: str) -> tuple[re.Pattern[str], ...]:
    module, _, detector = name.partition(".")
    found: Any = getattr(import_module(f"detect_secrets.plugins.{module}"), detector)
    return tuple(re.compile(each) if isinstance(each, str) else each for each in found.denylist)


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    """Whether it is no piece of a longer run, such as a digest that happens to hold the letters."""
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    return not (match[0][0].isalnum() and before.isalnum()) and not (match[0][-1].isalnum() and after.isalnum())


def _trimmed(text: str, match: re.Match[str]) -> tuple[int, int]:
    start, end = match.span()
    while start < end and text[start] in _EDGES:
        start += 1
    while start < end and text[end - 1] in _EDGES:
        end -= 1
    return start, end
