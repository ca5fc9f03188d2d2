"""Chats in a widget on web pages. What a visitor may see is the rows of ``ChatEntry``; the widget reads them live."""
