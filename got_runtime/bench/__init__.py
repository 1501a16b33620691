"""The measurements of ``got-ocr bench``: speed against the hardware's limit, and memory."""
