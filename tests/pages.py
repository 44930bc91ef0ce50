"""HTML pages as tests read them."""

from html.parser import HTMLParser


class Outline(HTMLParser):
    """Collect tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, tag):
        return [a for t, a in self.found if t == tag]
