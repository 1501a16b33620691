"""Measures OCR accuracy: metrics, datasets with reference text, and the report over them.

    samples      one page, its reference text, its task and how it is scored
    datasets     files on disk → samples (conversations · omnidocbench · olmocr_bench · folders)
    text_layers  born-digital PDF files → samples whose reference is the text layer
    synthetic    held-out pages of the data engine → samples
    predictions  the texts that another tool wrote for a dataset
    run          samples → predictions → report
    scoring      prediction + reference → a page's score, by kind of page
                 (metrics · tables · teds · exact · checks · line_matching on printed_text)
    scores       page scores → group scores, with bootstrap confidence intervals (bootstrap)
    report       all scores of one run; tables_out, html_report and model_card format it

Import names from these modules, so that using one does not load the dependencies of the others.
"""
