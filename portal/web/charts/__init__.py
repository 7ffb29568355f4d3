"""Charts of every page: columns over time (`chart`), ranked bars (`bars`) and the lines in figures (`sparkline`).

They are made on the server: SVG attributes place, style sheets colour. static/js/chart.js adds the cursor.
"""
