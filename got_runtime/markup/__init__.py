"""GOT's output language, understood: an answer → typed elements → Markdown, HTML, text, JSON, chunks.

    elements = parse(answer)
    print(to_markdown(elements))

Needs neither torch nor transformers: it is of use to anyone who has GOT's text.
"""

from got_runtime.markup.parser import parse

__all__ = ["parse"]
