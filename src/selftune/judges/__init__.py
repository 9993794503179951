"""Judge: from Interactions to Judgements, a verdict on each or the reason why there is none.

A judge is code that checks, a model behind an endpoint, a panel, a comparison in both orders, or a person; `stage.py`
sits with any of them. The overall is computed in code from the criteria and the judge's own is kept beside it; a failed
call or a reply nobody can read is `unscored`, never a zero. What was paid for is not paid for again (`recall.py`).

`calibration/` says how far a judge may be believed, `injection/` finds words that are meant for it, `attacks/` makes
transcripts that try. The room does not say what a verdict is good for: curation and the gate do.
"""
