// tunnel/restart/descriptor_store.h: the service manager keeps our sockets and one memory file with
// our state while no process of ours runs (sd_notify FDSTORE=1; FileDescriptorStoreMax= of the
// unit).
#pragma once
#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"
#include "tunnel/restart/sockets.h"

namespace culvert::restart {

bool manager_is_there();  // $NOTIFY_SOCKET

// When it returns, the manager holds everything; nothing may be read from a socket any more.
Result<void> leave_to_manager(Bytes state, const Outgoing& sockets);

struct Estate {
  ByteVector state;  // empty: nothing was left
  Inherited sockets;
};
// Once, early. Takes what the manager kept under our name and makes it forget that; descriptors of
// other names (socket activation) are left alone.
Estate take_from_manager();

}  // namespace culvert::restart
