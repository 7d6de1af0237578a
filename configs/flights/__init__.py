"""Delays and routes of the flights that left New York in 2013."""
