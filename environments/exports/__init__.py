"""The lists of this app as tables for files: `portal.web.exporting.Export`.

about      what every export says of its moment: what was not observed before it, and the policies then
fleet      the environments' list
audits     the audits of lockdown and archive
secrets    the list of secrets, which has no values
"""
