"""Audits: what was to be read about a record, what was, by whom, and what was found.

What this room promises: which records belong to an audit is the answer to a query that anybody can put again; what was
not put before a reader is called unread, and an audit is not concluded over it unless its auditor says why; a model of
the lineage that it is to audit is refused, whatever it is called; findings are kept word for word.

What it does not promise: that what was put before a reader was understood.
"""
