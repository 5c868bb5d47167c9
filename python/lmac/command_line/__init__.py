"""The program ``lmac``: ``cli`` reads its options, ``command`` does what they ask for, to one file after the other.

``files`` writes files whole or not at all, ``operations`` passes content through a codec, ``progress`` shows how far it is;
``listing`` is ``lmac -l``, ``doctor`` is ``lmac doctor``.
"""
