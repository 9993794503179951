"""The person's brake: a file that stops all work here, the words behind it on record, and who is at work.

It promises that no step begins while the brake is on, with the store locked, damaged or gone, and that only a reason
on record takes it off. It does not promise to hold back who may write in the project's folder: that is the account.
"""
