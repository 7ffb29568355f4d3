"""Evidence: the organization as of a time, as one signed file that can be verified elsewhere.

build                  build a pack from one snapshot of the database, and record it in the ledger
manifest               the signed description of a pack and its files
signing                the portal's keys
zip_file               write the zip file; read it as untrusted
tables                 the tables of a pack
documents              its other files: policies, observation, README
verify                 verify a pack, reporting each check
read_tables            read the rows of its tables
verify_ledger          its operations and access log against its part of the ledger's chain
verify_against_portal  a pack against the portal that verifies it
"""
