#include "resolver/address_pool.h"

#include <sodium.h>

#include <array>
#include <cassert>
#include <charconv>
#include <map>

#include "resolver/virtual_name.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::resolver {
namespace {

constexpr std::string_view kFormat = "culvert-address-pool 1 ";

std::int64_t day_of(UnixTime now) {
  return std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
}

// Part of the snapshot's meaning (a lost one is rebuilt from it): must never change.
std::uint64_t hash_of(std::string_view name) {
  std::array<std::byte, 16> digest{};
  crypto_generichash(as_u8(MutableBytes{digest}), digest.size(), as_u8(as_bytes(name)), name.size(),
                     nullptr, 0);
  return load_be<std::uint64_t>(digest.data());
}

bool is_canonical(std::string_view name) {
  const auto canonical = canonical_name(name);
  if (canonical && *canonical == name) return true;
  const auto address = IpAddress::parse(name);
  return address && address->to_string() == name;
}

std::string_view take_word(std::string_view& line) {
  const auto space = line.find(' ');
  const auto word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

}  // namespace

Result<void> AddressPool::check_prefix(const IpPrefix& prefix) {
  if (!prefix.address.is_v4() || prefix.length < 8 || prefix.length > 28)
    return fail(ErrorCode::kBadInput, "the address pool '" + prefix.to_string() +
                                          "' must be an IPv4 prefix of 8 to 28 bits, "
                                          "as in 127.64.0.0/10");
  return {};
}

AddressPool::AddressPool(const IpPrefix& prefix) : prefix_(prefix) {
  assert(check_prefix(prefix));
  const auto mask = ~std::uint32_t{0} << (32 - prefix.length);
  prefix_.address = IpAddress::v4(prefix.address.v4_value() & mask);
}

std::uint32_t AddressPool::slot_count() const { return std::uint32_t{1} << (32 - prefix_.length); }

bool AddressPool::is_usable(std::uint32_t address) const {
  const auto last = address & 0xff;
  return last != 0 && last != 255 && prefix_.contains(IpAddress::v4(address));
}

Result<std::uint32_t> AddressPool::free_address(std::string_view name, std::int64_t today) {
  if (by_name_.size() >= kMaxNames) forget_rested(today);
  if (by_name_.size() < kMaxNames) {
    const auto slots = slot_count();
    const auto base = prefix_.address.v4_value();
    const auto first = static_cast<std::uint32_t>(hash_of(name) % slots);
    for (int round = 0; round < 2; ++round) {
      for (std::uint32_t step = 0; step < slots; ++step) {
        const auto address = base + (first + step) % slots;
        if (is_usable(address) && !by_address_.contains(address)) return address;
      }
      forget_rested(today);  // only when everything is taken
    }
  }
  return fail(ErrorCode::kExhausted, "no virtual address is free in " + prefix_.to_string() + " (" +
                                         std::to_string(by_name_.size()) +
                                         " names): configure a larger address pool");
}

Result<IpAddress> AddressPool::address_of(std::string_view name, UnixTime now) {
  const auto today = day_of(now);
  const auto known = by_name_.find(std::string(name));
  if (known != by_name_.end()) {
    if (known->second.day != today) changed_ = true;
    known->second.day = today;
    return IpAddress::v4(known->second.address);
  }
  const auto address = free_address(name, today);
  if (!address) return fail(address.error());
  add(std::string(name), Entry{*address, today});
  changed_ = true;
  return IpAddress::v4(*address);
}

bool AddressPool::add(std::string name, Entry entry) {
  if (by_address_.contains(entry.address)) return false;
  const auto [at, added] = by_name_.try_emplace(std::move(name), entry);
  if (added) by_address_.emplace(entry.address, &at->first);
  return added;
}

std::string_view AddressPool::name_of(const IpAddress& address, UnixTime now) const {
  if (!address.is_v4()) return {};
  const auto found = by_address_.find(address.v4_value());
  if (found == by_address_.end()) return {};
  const auto& entry = by_name_.find(*found->second)->second;
  return entry.day + kKeepFor.count() < day_of(now) ? std::string_view{} : *found->second;
}

void AddressPool::touch(const IpAddress& address, UnixTime now) {
  if (const auto name = name_of(address, now); !name.empty()) (void)address_of(name, now);
}

void AddressPool::forget_rested(std::int64_t today) {
  const auto oldest = today - kKeepFor.count() - kQuarantine.count();
  for (auto it = by_name_.begin(); it != by_name_.end();) {
    if (it->second.day >= oldest) {
      ++it;
      continue;
    }
    by_address_.erase(it->second.address);
    it = by_name_.erase(it);
    changed_ = true;
  }
}

std::string AddressPool::snapshot() const {
  std::string text(kFormat);
  text += prefix_.to_string() + "\n";
  const std::map<std::uint32_t, const std::string*> sorted(by_address_.begin(), by_address_.end());
  for (const auto& [address, name] : sorted) {
    const auto& entry = by_name_.find(*name)->second;
    text +=
        IpAddress::v4(address).to_string() + " " + std::to_string(entry.day) + " " + *name + "\n";
  }
  return text;
}

Result<void> AddressPool::load(std::string_view text) {
  AddressPool loaded(prefix_);
  std::size_t number = 0;
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::kBadInput,
                "line " + std::to_string(number) + " of the address pool " + std::string(why));
  };
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return bad("is not complete");
    auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (number == 1) {
      if (!line.starts_with(kFormat)) return bad("is not that of a pool of this version");
      continue;
    }
    const auto address = IpAddress::parse(take_word(line));
    const auto day_text = take_word(line);
    Entry entry;
    const auto parsed =
        std::from_chars(day_text.data(), day_text.data() + day_text.size(), entry.day);
    if (!address || !address->is_v4() || parsed.ec != std::errc{} ||
        parsed.ptr != day_text.data() + day_text.size() || entry.day < 0 || entry.day > 1'000'000)
      return bad("has no address and day");
    if (!is_canonical(line)) return bad("has no name in canonical form");
    if (number > kMaxNames + 1) return bad("is one too many");
    entry.address = address->v4_value();
    if (!is_usable(entry.address)) continue;
    if (!loaded.add(std::string(line), entry))
      return bad("names an address or a name for the second time");
  }
  if (number == 0) return fail(ErrorCode::kBadInput, "the address pool's file is empty");
  *this = std::move(loaded);
  return {};
}

}  // namespace culvert::resolver
