#include "tunnel/control/offer.h"

#include "tunnel/control/wire_address.h"

namespace culvert::control {
namespace {

constexpr std::size_t kHead = 2;  // of a candidate: kind and transport

void write_candidate(Writer& out, const Candidate& candidate) {
  ByteVector bytes{std::byte{static_cast<std::uint8_t>(candidate.kind)},
                   std::byte{static_cast<std::uint8_t>(candidate.transport)}};
  append_address(bytes, candidate.at);
  out.u8(static_cast<std::uint8_t>(bytes.size()));
  out.bytes(bytes);
}

void read_candidate(Bytes bytes, std::vector<Candidate>& candidates) {
  if (bytes.size() < kHead) return;
  const auto kind = std::to_integer<std::uint8_t>(bytes[0]);
  const auto transport = std::to_integer<std::uint8_t>(bytes[1]);
  const auto at = read_address(bytes.subspan(kHead));
  if (!at || kind < 1 || kind > 2 || transport < 1 || transport > 2) return;
  candidates.push_back(
      {static_cast<Candidate::Kind>(kind), static_cast<Candidate::Transport>(transport), *at});
}

}  // namespace

void write_candidates(Writer& out, const std::vector<Candidate>& candidates) {
  const auto count = std::min(candidates.size(), kMostCandidates);
  out.u8(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) write_candidate(out, candidates[i]);
}

std::vector<Candidate> read_candidates(Reader& in) {
  std::vector<Candidate> candidates;
  const std::size_t count = in.u8();
  if (count > kMostCandidates) in.set_failed();
  for (std::size_t i = 0; i < count && in.ok(); ++i) read_candidate(in.take(in.u8()), candidates);
  return candidates;
}

void write_statements(Writer& out, const std::vector<ByteVector>& statements) {
  if (statements.empty()) return;
  const auto count = std::min(statements.size(), kMostStatements);
  out.u8(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) out.block16(statements[i]);
}

std::vector<ByteVector> read_statements(Reader& in) {
  std::vector<ByteVector> statements;
  const std::size_t count = in.ok() && !in.rest().empty() ? in.u8() : 0;
  if (count > kMostStatements) in.set_failed();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const auto one = in.block16();
    statements.emplace_back(one.begin(), one.end());
  }
  return statements;
}

void write_offer(Writer& out, const Offer& offer) {
  out.u32(offer.round);
  out.u8(static_cast<std::uint8_t>(offer.inbound));
  out.bytes(offer.token);
  write_candidates(out, offer.candidates);
  write_statements(out, offer.statements);
  if (!offer.statements.empty() && offer.other_inbound != Inbound::kUnknown)
    out.u8(static_cast<std::uint8_t>(offer.other_inbound));
}

Offer read_offer(Reader& in) {
  Offer offer;
  offer.round = in.u32();
  const auto inbound = in.u8();
  if (inbound > 2) in.set_failed();
  offer.inbound = static_cast<Inbound>(inbound);
  offer.token = in.array<16>();
  offer.candidates = read_candidates(in);
  offer.statements = read_statements(in);
  const bool told = in.ok() && !offer.statements.empty() && !in.rest().empty();
  const auto other = told ? in.u8() : std::uint8_t{0};
  if (other <= 2) offer.other_inbound = static_cast<Inbound>(other);
  return offer;
}

}  // namespace culvert::control
