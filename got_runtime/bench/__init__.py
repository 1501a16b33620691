"""Measurements that ``got-ocr bench`` prints: speed, waste, memory."""
