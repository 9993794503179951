"""The month: arms that begin as one model, asked the same every night, so that learning can be told from luck.

`plan.py` is what is registered before the first night and may not change after it, `arms.py` the projects,
`scenarios.py` who asks, `running.py` one night after the other, `findings.py` what the registered rule makes of them.
"""
