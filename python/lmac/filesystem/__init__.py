"""Files as they must be treated where others may write, too: opened once, and everything else through that descriptor.

A name is used to open and to rename, never to ask or to set attributes: it may belong to another file a moment later.
``folder`` opens folders and what is in them, ``walk`` goes through all below one, ``input_file`` opens files to read and
``atomic_file`` writes them, whole or not at all, with the ``attributes`` of another.
"""
