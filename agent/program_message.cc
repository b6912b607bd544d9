#include "agent/program_message.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

namespace culvert::agent {
namespace {

std::uint64_t number(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

}  // namespace

std::optional<ProgramAddress> read_address(const NotifiedCall& call, unsigned pointer,
                                           unsigned length) {
  ProgramAddress address;
  const auto size = static_cast<std::uint32_t>(call.argument(length));
  if (size < sizeof(sockaddr_in) || size > sizeof address.storage ||
      !call.read(call.argument(pointer), &address.storage, size))
    return std::nullopt;
  address.length = size;
  return address.is_internet() ? std::optional(address) : std::nullopt;
}

bool write_value(const NotifiedCall& call, unsigned pointer, unsigned length_pointer,
                 const void* value, socklen_t size) {
  socklen_t offered = 0;
  const auto at = call.argument(length_pointer);
  return call.read(at, &offered, sizeof offered) &&
         call.write(call.argument(pointer), value, std::min(offered, size)) &&
         call.write(at, &size, sizeof size);
}

bool ProgramMessage::read_name(const NotifiedCall& call, std::uint64_t from) {
  at = from;
  name.length = 0;
  if (!call.read(at, &header, sizeof header)) return false;
  if (header.msg_name == nullptr || header.msg_namelen == 0) return true;
  if (header.msg_namelen > sizeof name.storage ||
      !call.read(number(header.msg_name), &name.storage, header.msg_namelen))
    return false;
  name.length = header.msg_namelen;
  return true;
}

int ProgramMessage::make_room(const NotifiedCall& call, bool filled) {
  if (header.msg_iovlen > kMostParts) return EMSGSIZE;
  if (header.msg_controllen > kLargest && filled) return ENOBUFS;
  parts.resize(header.msg_iovlen);
  if (!parts.empty() &&
      !call.read(number(header.msg_iov), parts.data(), parts.size() * sizeof(iovec)))
    return EFAULT;
  content.clear();
  for (const auto& part : parts) {
    const auto before = content.size();
    const auto size = std::min(part.iov_len, kLargest - before);
    content.resize(before + size);
    if (filled && size > 0 && !call.read(number(part.iov_base), &content[before], size))
      return EFAULT;
  }
  control.resize(header.msg_control == nullptr ? 0 : std::min(header.msg_controllen, kLargest));
  const bool controls = filled && !control.empty();
  return controls && !call.read(number(header.msg_control), control.data(), control.size()) ? EFAULT
                                                                                            : 0;
}

msghdr ProgramMessage::as_ours(iovec& all) {
  all = {content.data(), content.size()};
  msghdr ours{};
  ours.msg_name = name.length > 0 ? &name.storage : nullptr;
  ours.msg_namelen = name.length;
  ours.msg_iov = &all;
  ours.msg_iovlen = 1;
  ours.msg_control = control.empty() ? nullptr : control.data();
  ours.msg_controllen = control.size();
  return ours;
}

bool ProgramMessage::write_back(const NotifiedCall& call, const msghdr& ours, std::size_t size) {
  std::size_t written = 0;
  size = std::min(size, content.size());
  for (const auto& part : parts) {
    const auto some = std::min(part.iov_len, size - written);
    if (some > 0 && !call.write(number(part.iov_base), &content[written], some)) return false;
    written += some;
  }
  if (header.msg_name != nullptr && !call.write(number(header.msg_name), &name.storage,
                                                std::min(header.msg_namelen, ours.msg_namelen)))
    return false;
  if (ours.msg_controllen > 0 &&
      !call.write(number(header.msg_control), control.data(), ours.msg_controllen))
    return false;
  auto told = header;
  told.msg_namelen = header.msg_name != nullptr ? ours.msg_namelen : header.msg_namelen;
  told.msg_controllen = ours.msg_controllen;
  told.msg_flags = ours.msg_flags;
  return call.write(at, &told, sizeof told);
}

}  // namespace culvert::agent
