"""Japanese banking facts as a pure library: kana, accounts, branches, bank days, Zengin files.

No module here opens a file, a socket or a clock; the only data read is what the packages
``zengin-code`` and ``jpholiday`` carry. Any service's domain may therefore import it.
"""
