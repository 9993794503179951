"""The gateway: one address for the clients that people already have, which keeps what was asked and answered.

It promises that a request goes to the model that its name means, with known fields only; that the answer's bytes pass
as they are; that capture never hurts an answer; and that nobody beyond this machine gets in. It does not serve a model:
the keeper (`release/`) does, and any other endpoint that `[[gateway.upstreams]]` names.
"""
