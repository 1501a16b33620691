"""How well pages are read: metrics, collections of pages with their truth, and the report over them.

    cases        one page to read, its truth, its task, and how it is scored
    datasets     collections on disk → cases (conversations · omnidocbench · olmocr_bench · folders)
    synthetic    held-out pages of the data engine → cases
    run          cases → readings → report
    scoring      reading + truth → a page's score, by its kind (metrics · tables · teds · exact · checks)
    scores       pages → groups, with bootstrap intervals
    report       the whole; sheets, side_by_side and model_card print it

Names are imported from their modules, so that using one does not pay for the others.
"""
