// resolver/address_pool.h: one virtual IPv4 address for each name, and the name for each address.
//
// Does no I/O and reads no clock. The address of a name is the slot that its hash gives, or the
// next free one: so the same name gets the same address even after the snapshot was lost. A name
// keeps its address for kKeepFor after it was last asked for; then the address rests for
// kQuarantine, in which it means nothing to anybody (a program may remember an address for as long
// as it runs: reuse once sent one host's clients to another), and only then may mean another name.
// Addresses ending in .0 and .255 are never given (programs take them for broadcasts).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tunnel/base/address.h"
#include "tunnel/base/time.h"

namespace culvert::resolver {

inline constexpr std::chrono::days kKeepFor{180};
inline constexpr std::chrono::days kQuarantine{30};
inline constexpr std::size_t kMaxNames = 100'000;  // bounds memory: about 150 octets each

class AddressPool {
 public:
  // An IPv4 prefix of 8 to 28 bits, e.g. 127.64.0.0/10.
  static Result<void> check_prefix(const IpPrefix& prefix);
  explicit AddressPool(const IpPrefix& prefix);
  AddressPool(const AddressPool&) = delete;
  AddressPool& operator=(const AddressPool&) = delete;
  static IpPrefix default_prefix() { return {IpAddress::v4(0x7f400000), 10}; }

  // `name` canonical (virtual_name.h), or an IP address as text, where a virtual address stands for
  // an ordinary one. kExhausted when every address is taken or resting.
  Result<IpAddress> address_of(std::string_view name, UnixTime now);
  // Empty if the address means nothing now. Borrowed until the next non-const call.
  std::string_view name_of(const IpAddress& address, UnixTime now) const;
  void touch(const IpAddress& address, UnixTime now);  // still in use: start its time anew

  bool contains(const IpAddress& address) const { return prefix_.contains(address); }
  const IpPrefix& prefix() const { return prefix_; }
  std::size_t size() const { return by_name_.size(); }  // resting ones included

  // Text, one line per name ("127.65.3.9 20500 web.example.net": address, day last used since
  // 1970, name) after a first line with format and prefix.
  std::string snapshot() const;
  // Replaces the content. Names outside this pool's prefix are left out (the administrator moved
  // the pool); anything malformed is kBadInput with its line, and the pool stays as it was.
  Result<void> load(std::string_view text);
  // True once after something changed that a snapshot should keep (dates change it once a day).
  bool take_changed() { return std::exchange(changed_, false); }

 private:
  AddressPool& operator=(AddressPool&&) = default;
  struct Entry {
    std::uint32_t address = 0;
    std::int64_t day = 0;  // when last used
  };
  using Names = std::unordered_map<std::string, Entry>;

  std::uint32_t slot_count() const;
  bool is_usable(std::uint32_t address) const;
  Result<std::uint32_t> free_address(std::string_view name, std::int64_t today);
  bool add(std::string name, Entry entry);
  void forget_rested(std::int64_t today);

  IpPrefix prefix_;
  Names by_name_;
  std::unordered_map<std::uint32_t, const std::string*> by_address_;  // keys of by_name_
  bool changed_ = false;
};

}  // namespace culvert::resolver
