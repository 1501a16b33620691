"""Files are opened and rendered in child processes, which can be ended when a file hangs or crashes its library.

reader.py    a file in a child process, or in this one; what ``pdf.py`` and ``images.py`` call
pool.py      the child processes of this process, and which of them has which file open
process.py   one child process: start, request with a deadline, end
child.py     what a child process runs
messages.py  what libraries print, as warnings of a page
pixels.py    the memory through which pixels return
guards.py    limits of a child: memory, time, and its end with its parent
"""

from got_runtime.sources.isolation.pool import start_child
from got_runtime.sources.isolation.reader import Call, FileReader, Result, error_of, out_of_memory

__all__ = ["Call", "FileReader", "Result", "error_of", "out_of_memory", "start_child"]
