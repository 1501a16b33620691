"""How well pages are read: metrics, collections of pages with their reference, and the report over them.

    samples        one page to read, its reference, its task, and how it is scored
    datasets     collections on disk → samples (conversations · omnidocbench · olmocr_bench · folders)
    synthetic    held-out pages of the data engine → samples
    run          samples → predictions → report
    scoring      prediction + reference → a page's score, by its kind (metrics · tables · teds · exact · checks)
    scores       pages → groups, with bootstrap intervals
    report       the whole; report_tables, side_by_side and model_card print it

Names are imported from their modules, so that using one does not pay for the others.
"""
