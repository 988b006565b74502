"""What delivers notices in the rehearsal: an SMTP sink and two SMS providers, in one process.

They write what citizens got to `notices/*.jsonl`, one line a message, flushed before the answer, so
that a killed process has lost nothing it confirmed.
"""
