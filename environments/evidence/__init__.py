"""Evidence: what the portal knew of the organization at a moment, as one signed file that can be verified elsewhere.

manifest     what a pack says of itself and of its files; what is signed
signing      the portal's keys
archive      the zip file: written, and read as if by an enemy
tables       the tables of a pack
documents    its other files: policies, observation, README
packing      a pack made of one moment of the database, and put on record
verifying    what of a pack holds and what does not, in words
rows         the rows of its tables, read back
ledger       its operations against its part of the ledger's chain
portal_side  a pack against the portal that verifies it
"""
