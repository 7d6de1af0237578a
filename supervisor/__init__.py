"""Processes and hosts: worker loop, links, coordinator, command line. The only shell."""
