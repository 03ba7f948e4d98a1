"""Demo files with made-up data: what a partner might send on a good day and on a bad one."""
