#include "service/records.h"

#include <sodium.h>

#include "tunnel/base/byte_codec.h"

namespace culvert::service {
namespace {

constexpr std::uint8_t kVersion = 1;  // first octet of every value

void put_time(Writer& out, UnixTime time) { out.u64(to_unix_nanoseconds(time)); }
UnixTime take_time(Reader& in) { return from_unix_nanoseconds(in.u64()); }

template <class Record>
Result<Record> finished(const Reader& in, Record record, std::string_view what) {
  if (!in.done())
    return fail(ErrorCode::kIo, "the store holds a damaged " + std::string(what) +
                                    " record; restore it from a backup");
  return record;
}

void check_version(Reader& in) {
  if (in.u8() != kVersion) in.set_failed();
}

}  // namespace

std::string endpoint_key(std::string_view name) {
  return std::string(kEndpointPrefix) + std::string(name);
}
std::string owner_key(const crypto::PublicKey& key) { return "a/key/" + key.hex(); }
std::string floor_key(const crypto::PublicKey& key) {
  return std::string(kFloorPrefix) + key.hex();
}

std::string invitation_key(const control::EnrolmentSecret& secret) {
  std::array<std::byte, 32> hash{};
  crypto_generichash(as_u8(MutableBytes{hash}), hash.size(), as_u8(Bytes{secret}), secret.size(),
                     nullptr, 0);
  return std::string(kInvitationPrefix) + to_hex(hash);
}

ByteVector encode(const EndpointRecord& record) {
  ByteVector value;
  Writer out(value);
  out.u8(kVersion);
  out.bytes(record.key.view());
  out.u64(record.serial);
  put_time(out, record.created);
  put_time(out, record.not_after);
  out.u8(record.revoked ? 1 : 0);
  return value;
}

ByteVector encode(const InvitationRecord& record) {
  ByteVector value;
  Writer out(value);
  out.u8(kVersion);
  out.text16(record.name);
  put_time(out, record.created);
  put_time(out, record.expires);
  return value;
}

ByteVector encode(const crypto::ReplayGuard::Floor& floor) {
  ByteVector value;
  Writer out(value);
  out.u8(kVersion);
  out.bytes(floor.key.view());
  put_time(out, floor.newest);
  return value;
}

Result<EndpointRecord> decode_endpoint(Bytes value) {
  Reader in(value);
  EndpointRecord record;
  check_version(in);
  record.key = crypto::PublicKey{in.array<32>()};
  record.serial = in.u64();
  record.created = take_time(in);
  record.not_after = take_time(in);
  record.revoked = in.u8() != 0;
  return finished(in, record, "endpoint");
}

Result<InvitationRecord> decode_invitation_record(Bytes value) {
  Reader in(value);
  InvitationRecord record;
  check_version(in);
  record.name = in.text16();
  record.created = take_time(in);
  record.expires = take_time(in);
  return finished(in, std::move(record), "invitation");
}

Result<crypto::ReplayGuard::Floor> decode_floor(Bytes value) {
  Reader in(value);
  crypto::ReplayGuard::Floor floor;
  check_version(in);
  floor.key = crypto::PublicKey{in.array<32>()};
  floor.newest = take_time(in);
  return finished(in, floor, "replay floor");
}

}  // namespace culvert::service
