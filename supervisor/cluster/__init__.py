"""The cluster: a coordinator that stays, a supervisor on every host, and what clients ask them.

A topology in the cluster is run by the same coordinator, driver and workers as ``run`` has on
one machine; here are the processes around them, where workers are placed, and who may do what.
"""
