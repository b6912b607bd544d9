#include "tunnel/session/record.h"

#include <cassert>

#include "tunnel/base/byte_codec.h"
#include "tunnel/crypto/hkdf.h"

namespace culvert::session {
namespace {

crypto::AeadKey record_key(const Secret<32>& chain, crypto::AeadAlgorithm algorithm) {
  return crypto::AeadKey::make(algorithm, crypto::derive_key(chain, "record").view());
}

}  // namespace

RecordKeys::RecordKeys(const Secret<32>& direction, crypto::AeadAlgorithm algorithm,
                       std::uint64_t first_record)
    : chain_(direction), algorithm_(algorithm), counter_(first_record) {}

const crypto::AeadKey& RecordKeys::key() {
  if (!key_) key_ = record_key(chain_, algorithm_);
  return *key_;
}

void RecordKeys::advance() {
  ++counter_;
  if (counter_ % kRecordsPerKey != 0) return;
  chain_ = crypto::derive_key(chain_, "next key");
  key_.reset();
}

void RecordSealer::seal(MutableBytes record, std::span<const Stray> strays) {
  assert(record.size() > kRecordOverhead && record.size() <= kMaxRecord);
  const auto sealed = record.size() - kRecordHeader;
  store_be(record.data(), static_cast<std::uint16_t>(sealed));
  const auto text = record.subspan(kRecordHeader, sealed - crypto::kAeadTagSize);
  keys_.key().seal(keys_.counter(), record.first(kRecordHeader), text, strays,
                   record.last<crypto::kAeadTagSize>());
  keys_.advance();
}

Result<RecordOpener::Opened> RecordOpener::open(MutableBytes wire) {
  if (wire.size() < kRecordHeader) return Opened{{}, 0};
  const std::size_t sealed = load_be<std::uint16_t>(wire.data());
  if (sealed <= crypto::kAeadTagSize)
    return fail(ErrorCode::kProtocol, "the peer sent an empty record");
  if (wire.size() - kRecordHeader < sealed) return Opened{{}, 0};
  const auto text = wire.subspan(kRecordHeader, sealed - crypto::kAeadTagSize);
  const auto tag = wire.subspan(kRecordHeader + text.size(), crypto::kAeadTagSize);
  if (!keys_.key().open(keys_.counter(), wire.first(kRecordHeader), text, tag))
    return fail(ErrorCode::kProtocol,
                "a record did not open: it was altered, repeated or lost on the way");
  keys_.advance();
  return Opened{text, kRecordHeader + sealed};
}

}  // namespace culvert::session
