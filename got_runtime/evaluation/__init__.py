"""How well pages are read: metrics, collections of pages with their truth, and the report over them.

Names are imported from their modules (``metrics``, ``bootstrap``, ``datasets``, ``synthetic``, ``run``, ``report``,
``side_by_side``), so that using one does not pay for the others.
"""
