"""The runtime of an agent whose reality is its state (mission D2 to D6): what it is told, and what it may do, by code.

It promises that the state says what is so when a dialogue begins, that no call goes through which `allowed_actions`
does not name letter by letter, whatever a model says, and that a claim in words to have done so is marked. It can't
promise that a model keeps to its state in words: that is what evaluation measures.
"""
