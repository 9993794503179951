"""Learning from pairs: a better and a worse answer to one prompt.

`pairs.py` turns an example into two rows with one prompt and refuses those whose prompt is not the same for both;
`packs.py` lays them out with the prompt computed once; `losses.py` holds the formulas; `objectives.py` DPO and ORPO in
the packed loop; `reference.py` what DPO is measured against, computed once and kept; `peers.py` the same two in TRL.
"""
