#include "tunnel/restart/descriptor_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tunnel/base/log.h"
#include "tunnel/restart/bundle.h"

namespace culvert::restart {
namespace {

constexpr const char* kName = "culvert";
constexpr const char* kStore = "FDSTORE=1\nFDNAME=culvert\nFDPOLL=0";
constexpr const char* kForget = "FDSTOREREMOVE=1\nFDNAME=culvert";
constexpr std::size_t kMostInMessage = 253;  // SCM_MAX_FD of the kernel
constexpr std::chrono::microseconds kManagerLimit = std::chrono::seconds{5};
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

tl::unexpected<Error> failed(const char* what, int error) {
  return fail(ErrorCode::kIo, std::string("cannot ") + what + ": " + std::strerror(error));
}

Result<UniqueFd> write_memory_file(Bytes state) {
  UniqueFd file(::memfd_create(kName, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return failed("make a memory file", errno);
  while (!state.empty()) {
    const auto count = ::write(file.get(), state.data(), state.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return failed("write a memory file", errno);
    state = state.subspan(static_cast<std::size_t>(count));
  }
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) return failed("seal a memory file", errno);
  return file;
}

bool is_memory_file(int fd) { return ::fcntl(fd, F_GET_SEALS) == kSeals; }

ByteVector read_memory_file(int fd) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || facts.st_size <= 0) return {};
  ByteVector out(static_cast<std::size_t>(facts.st_size));
  std::size_t got = 0;
  while (got < out.size()) {
    const auto count = ::pread(fd, out.data() + got, out.size() - got, static_cast<off_t>(got));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return {};
    got += static_cast<std::size_t>(count);
  }
  return out;
}

}  // namespace

bool manager_is_there() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

Result<void> leave_to_manager(Bytes state, const Outgoing& sockets) {
  const auto file = write_memory_file(state);
  if (!file) return fail(file.error());
  std::vector<int> all{file->get()};
  all.insert(all.end(), sockets.local().begin(), sockets.local().end());
  std::vector<UniqueFd> bundles;
  for (std::span<const int> left = sockets.internet(); !left.empty();) {
    auto bundle = pack(left);
    if (!bundle) return fail(bundle.error());
    all.push_back(bundle->get());
    bundles.push_back(std::move(*bundle));
  }
  for (std::size_t at = 0; at < all.size(); at += kMostInMessage) {
    const auto count = static_cast<unsigned>(std::min(kMostInMessage, all.size() - at));
    const int sent = sd_pid_notify_with_fds(0, /*unset_environment=*/0, kStore, &all[at], count);
    if (sent <= 0)
      return failed("pass sockets to the service manager", sent < 0 ? -sent : ENOTCONN);
  }
  // It looks up who sent a message: we must still be there. Older managers know no barrier.
  if (const int done = sd_notify_barrier(0, kManagerLimit.count()); done < 0)
    log::warning("restart", {{"event", "manager-is-slow"}, {"why", std::strerror(-done)}});
  return {};
}

Estate take_from_manager() {
  Estate estate;
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  bool any = false;
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(names[i], kName) != 0) continue;
    any = true;
    UniqueFd fd(SD_LISTEN_FDS_START + i);
    if (is_memory_file(fd.get()))
      estate.state = read_memory_file(fd.get());
    else if (is_bundle(fd.get()))
      unpack(std::move(fd), estate.sockets);
    else
      estate.sockets.add(std::move(fd));
  }
  for (int i = 0; i < count; ++i) std::free(names[i]);
  std::free(names);
  // Before anything else: while the manager has a duplicate, close() here ends no connection.
  if (any) sd_notify(/*unset_environment=*/0, kForget);
  return estate;
}

}  // namespace culvert::restart
