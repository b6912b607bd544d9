// shim/spare_descriptor.h: our socket to the agent where the program has all the descriptors that
// it may have: natively connect() needs none, so it must not fail for want of one. Servers do come
// to that limit, and libuv's suite goes there on purpose.
#pragma once

namespace culvert::shim {

// socket(), which where it fails with EMFILE is tried again with the soft limit raised for that
// moment. -1 with EMFILE where that is the hard one, too (own_table.h), or another thread is at it
// for long.
int make_socket_at_limit(int family, int type);

}  // namespace culvert::shim
