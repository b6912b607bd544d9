// tunnel/portmap/igd_client.h: one task at a UPnP Internet Gateway Device, by libminiupnpc. Blocks,
// and reads a stranger's XML: for the program culvert-igd alone, which has a limit of its own.
//
// The library is not let near other machines: the description is fetched here (the library follows
// redirections), and the address that it says to control it at is the gateway's, or nothing is
// sent.
#pragma once
#include "tunnel/portmap/igd_answer.h"

namespace culvert::portmap {

// Fails with what to tell people.
Result<IgdAnswer> do_igd_task(const IgdTask& task);

}  // namespace culvert::portmap
