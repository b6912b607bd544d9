// shim/hook_uring.cc: liburing's io_uring_submit() and its kin: connects that wait in the queue get
// their hold before the kernel sees them, and the agent is told right behind that. Rings of
// programs that enter the kernel by themselves, or have it poll the queue, are not seen. A queue
// without a connect costs a look at each of its entries.
#include <dlfcn.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stddef.h>

#include "shim/export.h"
#include "shim/own_address.h"
#include "shim/prepared_connect.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/socket_facts.h"
#include "shim/virtual_connect.h"

// As liburing 2.x has it, whose structures are part of its ABI: the members before these have not
// moved since 2.0, and those that are newer stand where padding was.
struct io_uring {
  struct {
    unsigned* head;
    unsigned* tail;
    unsigned* mask;
    unsigned* entries;
    unsigned* flags;
    unsigned* dropped;
    unsigned* array;
    io_uring_sqe* sqes;
    unsigned sqe_head, sqe_tail;
    size_t size;
    void* memory;
    unsigned more[4];
  } sq;
  struct {
    void* pointers[7];
    size_t size;
    void* memory;
    unsigned more[4];
  } cq;
  unsigned flags;
};
static_assert(offsetof(io_uring, flags) == 192, "liburing 2.0 to 2.6, 64 bits");
struct io_uring_cqe;

namespace culvert::shim {
namespace {

using Submit = int (*)(io_uring*);
using SubmitAndWait = int (*)(io_uring*, unsigned);
using SubmitAndWaitFor = int (*)(io_uring*, io_uring_cqe**, unsigned, __kernel_timespec*,
                                 sigset_t*);

// Beyond, connects of one submission meet a hold only if it is there already.
constexpr int kMostPrepared = 16;
constexpr int kNothing = -4096;  // no result of liburing's

// The library may be another one's dependency, opened for that one alone.
template <typename Function>
Function find(Function& known, const char* name) {
  if (Function const before = __atomic_load_n(&known, __ATOMIC_RELAXED)) return before;
  if (real.dlsym == nullptr || real.dlopen == nullptr) return nullptr;
  void* found = real.dlsym(RTLD_NEXT, name);
  if (found == nullptr)
    if (void* const library = real.dlopen("liburing.so.2", RTLD_LAZY | RTLD_NOLOAD))
      found = real.dlsym(library, name);
  __atomic_store_n(&known, reinterpret_cast<Function>(found), __ATOMIC_RELAXED);
  return reinterpret_cast<Function>(found);
}

constinit Submit real_submit = nullptr;
constinit SubmitAndWait real_submit_and_wait = nullptr;
constinit SubmitAndWaitFor real_submit_and_wait_timeout = nullptr;
constinit Submit real_submit_and_get_events = nullptr;

// The kernel has taken the address over when the submission returns (IORING_FEAT_SUBMIT_STABLE),
// but of entries that it has not taken the program's must be there again.
class Changed {
 public:
  Changed(io_uring_sqe& entry, const VirtualPeer& peer)
      : entry_(entry), address_(entry.addr), length_(entry.off), flags_(entry.flags) {
    entry.addr = reinterpret_cast<uintptr_t>(&peer.address);
    entry.off = peer.length;
    // In a worker it would begin when the hold may be gone.
    entry.flags = static_cast<uint8_t>(entry.flags & ~IOSQE_ASYNC);
  }
  Changed(const Changed&) = delete;
  Changed& operator=(const Changed&) = delete;
  ~Changed() {
    entry_.addr = address_;
    entry_.off = length_;
    entry_.flags = flags_;
  }

 private:
  io_uring_sqe& entry_;
  uint64_t address_, length_;
  uint8_t flags_;
};

bool is_to_be_held(const io_uring_sqe& entry, VirtualPeer& wanted) {
  if (entry.opcode != IORING_OP_CONNECT || (entry.flags & IOSQE_FIXED_FILE) != 0) return false;
  const auto* const address = reinterpret_cast<const sockaddr*>(static_cast<uintptr_t>(entry.addr));
  return read_virtual_peer(address, static_cast<socklen_t>(entry.off), wanted) &&
         is_virtual_connect(entry.fd, wanted) && tcp_state(entry.fd) == TCP_CLOSE;
}

// What is to be announced stays on the stack until the kernel has begun it. kNothing: there is no
// such connect, and nothing was submitted.
int submit_from(io_uring& ring, Submit submit, unsigned at, int prepared_before) {
  for (; prepared_before < kMostPrepared && at != ring.sq.sqe_tail; ++at) {
    auto& entry = ring.sq.sqes[at & *ring.sq.mask];
    VirtualPeer wanted;
    if (!is_to_be_held(entry, wanted)) continue;
    PreparedConnect prepared(entry.fd, wanted);
    if (prepared.prepare() != PreparedConnect::Verdict::kConnect) continue;
    const int fd = entry.fd;
    leave_device(fd);
    if (!wanted.ordinary) take_own_address(fd);
    int result;
    {
      const Changed scope(entry, prepared.peer());
      result = submit_from(ring, submit, at + 1, prepared_before + 1);
    }
    const int state = tcp_state(fd);
    prepared.announce(state == TCP_SYN_SENT ? EINPROGRESS : state == TCP_ESTABLISHED ? 0 : EAGAIN);
    return result;
  }
  return prepared_before == 0 ? kNothing : submit(&ring);
}

int submit_with_holds(io_uring* ring) {
  constexpr unsigned kOthers = IORING_SETUP_SQPOLL | IORING_SETUP_SQE128;
  if (!settings.active || ring == nullptr || (ring->flags & kOthers) != 0) return kNothing;
  const Submit submit = find(real_submit, "io_uring_submit");
  if (submit == nullptr) return kNothing;
  return submit_from(*ring, submit, __atomic_load_n(ring->sq.head, __ATOMIC_ACQUIRE), 0);
}

// Connects that are held end only when the agent has heard of them: so whoever waits does so when
// the queue is empty.
template <typename Function, typename... Arguments>
int submit_then(Function& known, const char* name, io_uring* ring, Arguments... arguments) {
  const int submitted = submit_with_holds(ring);
  if (submitted != kNothing && submitted < 0) return submitted;
  Function const then = find(known, name);
  if (then == nullptr) return submitted == kNothing ? -ENOSYS : submitted;
  const int result = then(ring, arguments...);
  return result < 0 || submitted == kNothing ? result : submitted + result;
}

}  // namespace
}  // namespace culvert::shim

CULVERT_INTERPOSE int io_uring_submit(io_uring* ring) {
  using namespace culvert::shim;
  const int submitted = submit_with_holds(ring);
  if (submitted != kNothing) return submitted;
  const Submit submit = find(real_submit, "io_uring_submit");
  return submit == nullptr ? -ENOSYS : submit(ring);
}

CULVERT_INTERPOSE int io_uring_submit_and_wait(io_uring* ring, unsigned count) {
  using namespace culvert::shim;
  return submit_then(real_submit_and_wait, "io_uring_submit_and_wait", ring, count);
}

CULVERT_INTERPOSE int io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** entry,
                                                       unsigned count, __kernel_timespec* time,
                                                       sigset_t* mask) {
  using namespace culvert::shim;
  return submit_then(real_submit_and_wait_timeout, "io_uring_submit_and_wait_timeout", ring, entry,
                     count, time, mask);
}

CULVERT_INTERPOSE int io_uring_submit_and_get_events(io_uring* ring) {
  using namespace culvert::shim;
  return submit_then(real_submit_and_get_events, "io_uring_submit_and_get_events", ring);
}
