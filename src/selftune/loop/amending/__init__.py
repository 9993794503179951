"""The codex in force of a project: adopted, held against its file, proposed anew, approved, rolled back.

Nothing here signs for anybody: a person's key is asked for where a person sits, in `app`.
"""
