"""The playground: a page to try a server's models with photos. It needs the extra `playground`.

`app` has the routes, `page/` the page. It asks the server with `AsyncClient`, as any other program does.
"""
