"""Tools that the model writes: asked for, written, checked, tested in a sandbox, and proposed to a person.

It promises that nothing a model wrote ever runs outside the sandbox, and that a tool becomes callable only by the
policy, a person's word by default. Without a sandbox that holds it refuses; it is never silently weaker.
"""
