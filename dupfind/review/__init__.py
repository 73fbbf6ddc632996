"""The local web page to look and decide (``dupfind review``): a server for one person at this machine."""
