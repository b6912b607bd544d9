#include "tunnel/carrier/tls_layer.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>

#include "tunnel/base/address.h"
#include "tunnel/carrier/tls_handover.h"
#include "tunnel/carrier/tls_library.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kPlainLimit = 64 * 1024;
// Reached only by what the library itself answers (alerts to a peer that provokes them). It must be
// out of reach of write(): two parties that both stop reading because their output is full would
// wait for each other for ever.
constexpr std::size_t kOutputCeiling = 2 * kTlsOutputLimit;

// Content types 20 to 24 (RFC 5246 section 6.2.1, RFC 6520) begin every record.
bool may_be_tls(std::byte first) { return first >= std::byte{20} && first <= std::byte{24}; }

std::string first_line(Bytes bytes) {
  std::string line(as_text(bytes.first(std::min<std::size_t>(bytes.size(), 60))));
  line.resize(std::min(line.find_first_of("\r\n"), line.size()));
  std::ranges::replace_if(
      line, [](char c) { return c < ' ' || c > '~'; }, '.');
  return line;
}

TlsLayer::Peer describe_peer(const mbedtls_x509_crt& certificate) {
  std::array<std::byte, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256(as_u8(MutableBytes{digest}), certificate.raw.p, certificate.raw.len);
  return {to_hex(digest), tls::dn_text(certificate.subject), tls::dn_text(certificate.issuer)};
}

// The library compares names alone: without this, whoever has any certificate of a root could be
// any address. RFC 5280 section 4.2.1.6: the octets of the address, as [7] IMPLICIT.
bool names_address(const mbedtls_x509_crt& certificate, const IpAddress& address) {
  constexpr int kIpAddress = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7;
  const auto wanted = address.wire();
  for (const auto* name = &certificate.subject_alt_names; name != nullptr; name = name->next)
    if (name->buf.tag == kIpAddress &&
        std::ranges::equal(std::as_bytes(std::span{name->buf.p, name->buf.len}), wanted))
      return true;
  return false;
}

bool wants_more(int code) {
  return code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE;
}

}  // namespace

struct TlsLayer::Library {
  explicit Library(tls::Setup& shared) : setup(shared) {}

  tls::Setup& setup;
  tls::Context connection;
  tls::ExportedKeys keys;
  TlsClientContext::Impl* client = nullptr;  // null in a server
  std::string server_name;
};

const bool TlsLayer::kHandsOver = CULVERT_TLS_HANDS_OVER != 0;

TlsLayer::TlsLayer(std::unique_ptr<Library> library) : library_(std::move(library)) {}
TlsLayer::~TlsLayer() = default;

std::unique_ptr<TlsLayer> TlsLayer::client(TlsClientContext& context, std::string server_name) {
  std::unique_ptr<TlsLayer> layer(new TlsLayer(std::make_unique<Library>(*context.impl_)));
  auto& library = *layer->library_;
  library.client = context.impl_.get();
  library.server_name = std::move(server_name);
  // 3.6.3 and later want set_hostname() called even where there is no name to send.
  const bool is_name = !library.server_name.empty() && !IpAddress::parse(library.server_name);
  const char* sni = is_name ? library.server_name.c_str() : nullptr;
  int code = mbedtls_ssl_setup(&library.connection, &library.client->config);
  if (code == 0) code = mbedtls_ssl_set_hostname(&library.connection, sni);
  layer->begin(code);
  return layer;
}

std::unique_ptr<TlsLayer> TlsLayer::server(TlsServerContext& context) {
  std::unique_ptr<TlsLayer> layer(new TlsLayer(std::make_unique<Library>(*context.impl_)));
  layer->begin(mbedtls_ssl_setup(&layer->library_->connection, &context.impl_->config));
  return layer;
}

void TlsLayer::begin(int setup_code) {
  if (setup_code != 0) {
    failure_ = Error{ErrorCode::kIo, "TLS cannot be set up: " + tls::reason(setup_code)};
    return;
  }
  mbedtls_ssl_set_bio(&library_->connection, this, give_output, take_input, nullptr);
  if (library_->client != nullptr) {
    const auto known = library_->client->sessions.find(library_->server_name);
    if (known != library_->client->sessions.end())
      mbedtls_ssl_set_session(&library_->connection, known->second.get());
  }
  (void)advance().has_value();  // a failure is kept, and the next call tells it
}

int TlsLayer::take_input(void* self, unsigned char* to, std::size_t size) {
  auto& layer = *static_cast<TlsLayer*>(self);
  if (layer.input_.empty()) {
    layer.starved_ = true;
    return MBEDTLS_ERR_SSL_WANT_READ;
  }
  const auto count = std::min(size, layer.input_.size());
  std::memcpy(to, layer.input_.data(), count);
  layer.input_ = layer.input_.subspan(count);
  return static_cast<int>(count);
}

int TlsLayer::give_output(void* self, const unsigned char* from, std::size_t size) {
  static_cast<TlsLayer*>(self)->output_.append({reinterpret_cast<const std::byte*>(from), size});
  return static_cast<int>(size);
}

tl::unexpected<Error> TlsLayer::stop(Error why) {
  failure_ = std::move(why);
  return fail(*failure_);
}

// mbedTLS may say WANT_READ though it still holds a record (3.x, around new session tickets): only
// when it has asked for input in vain is there nothing more to do.
template <class Step>
int TlsLayer::step(Step&& next) {
  int code = 0;
  do {
    starved_ = false;
    code = next();
  } while (code == MBEDTLS_ERR_SSL_WANT_READ && !starved_);
  return code;
}

Result<void> TlsLayer::advance() {
  if (!established_) CULVERT_RETURN_IF_ERROR(shake_hands());
  if (!established_ || peer_ended_) return {};
  if (!traffic_) return read_records();
  auto done = traffic_->receive(std::exchange(input_, {}), room_);
  if (!done) return stop(std::move(done.error()));
  peer_ended_ = traffic_->peer_ended();
  return {};
}

Result<void> TlsLayer::shake_hands() {
  auto& connection = library_->connection;
  library_->setup.exporting = &library_->keys;
  const int code = step([&] { return mbedtls_ssl_handshake(&connection); });
  library_->setup.exporting = nullptr;
  if (wants_more(code)) return {};
  auto* client = library_->client;
  if (code != 0) {
    if (client != nullptr) client->sessions.erase(library_->server_name);
    auto why = tls::reason(code);
    if (code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
      char flags[256] = "";
      mbedtls_x509_crt_verify_info(flags, sizeof flags, "",
                                   mbedtls_ssl_get_verify_result(&connection));
      why = "the certificate of '" + library_->server_name +
            "' is not trusted: " + first_line(as_bytes(flags));
      return stop({ErrorCode::kAuthentication, "TLS handshake failed: " + why});
    }
    return stop({ErrorCode::kProtocol, "TLS handshake failed: " + why});
  }
  return establish();
}

Result<void> TlsLayer::establish() {
  const auto& connection = library_->connection;
  const bool is_client = library_->client != nullptr;
  const auto* certificate = is_client ? mbedtls_ssl_get_peer_cert(&connection) : nullptr;
  const auto address = IpAddress::parse(library_->server_name);
  if (is_client && library_->client->verifies && address &&
      (certificate == nullptr || !names_address(*certificate, *address)))
    return stop({ErrorCode::kAuthentication,
                 "TLS handshake failed: the certificate is not one of " + library_->server_name +
                     ": it does not name this address"});
  established_ = true;
  if (is_client) library_->client->remember(library_->server_name, connection);
  if (certificate != nullptr) peer_ = describe_peer(*certificate);
  if (notes_ != nullptr) *std::exchange(notes_, nullptr) = peer_;
  const char* protocol = mbedtls_ssl_get_alpn_protocol(&connection);
  alpn_ = protocol == nullptr ? "" : protocol;
  negotiated_ = mbedtls_ssl_get_version(&connection);
  negotiated_ += std::string(" ") + mbedtls_ssl_get_ciphersuite(&connection);
  auto start =
      tls::hand_over(connection, is_client ? TlsTraffic::Role::kClient : TlsTraffic::Role::kServer,
                     library_->keys);
  if (start) {
    traffic_.emplace(*std::move(start), plain_, output_);
    library_.reset();
  }
  return end_requested_ ? close_output() : Result<void>{};
}

Result<void> TlsLayer::read_records() {
  auto& connection = library_->connection;
  for (;;) {
    // Room for a whole record, so that the library never keeps a part of one.
    const auto room = plain_.prepare(kMaxTlsText);
    const int code = step([&] {
      return mbedtls_ssl_read(&connection, reinterpret_cast<unsigned char*>(room.data()),
                              room.size());
    });
    if (code > 0) {
      plain_.commit(static_cast<std::size_t>(code));
      continue;
    }
    plain_.release_if_empty();
    if (wants_more(code)) return {};
    if (code == 0 || code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
      peer_ended_ = true;
      return {};
    }
#if MBEDTLS_VERSION_NUMBER >= 0x03060000
    if (code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
      library_->client->remember(library_->server_name, connection);
      continue;
    }
#endif
    return stop({ErrorCode::kProtocol, "TLS connection failed: " + tls::reason(code)});
  }
}

bool TlsLayer::wants_input() const {
  return !failure_ && !peer_ended_ && plain_.size() < kPlainLimit &&
         output_.size() < kOutputCeiling;
}

Result<void> TlsLayer::receive(Bytes wire) {
  MutableBytes none;
  return receive_into(wire, none);
}

Result<void> TlsLayer::receive_into(Bytes wire, MutableBytes& room) {
  if (failure_) return fail(*failure_);
  if (peer_ended_ || wire.empty()) return {};  // RFC 5246 section 7.2.1: ignore what follows
  if (!saw_input_ && !may_be_tls(wire[0]))
    return stop(
        {ErrorCode::kProtocol,
         "no TLS there: the far side, or a proxy in between, answered '" + first_line(wire) + "'"});
  saw_input_ = true;
  input_ = wire;
  room_ = room;
  auto done = advance();
  input_ = {};
  room = std::exchange(room_, {});
  return done;
}

Result<void> TlsLayer::receive_end() {
  if (failure_) return fail(*failure_);
  if (peer_ended_) return {};
  if (established_)
    return stop({ErrorCode::kReset, "TLS connection was cut without the peer's closing notice"});
  return stop({ErrorCode::kReset,
               saw_input_ ? "the connection was closed in the middle of the TLS handshake"
                          : "the connection was closed at the first TLS message: a firewall may "
                            "refuse TLS or this server name"});
}

void TlsLayer::consumed(std::size_t count) {
  plain_.pop(count);
  plain_.release_if_empty();
}

void TlsLayer::output_sent(std::size_t count) {
  output_.pop(count);
  output_.release_if_empty();
}

Result<std::size_t> TlsLayer::write(Bytes data) {
  if (failure_) return fail(*failure_);
  assert(!end_requested_);
  if (traffic_) {
    auto done = traffic_->write(data);
    if (!done) return stop(std::move(done.error()));
    return done;
  }
  std::size_t taken = 0;
  while (established_ && taken < data.size() && output_.size() < kTlsOutputLimit) {
    const auto rest = data.subspan(taken);
    const int code = mbedtls_ssl_write(&library_->connection, as_u8(rest), rest.size());
    if (wants_more(code)) break;
    if (code < 0)
      return stop({ErrorCode::kProtocol, "TLS connection failed: " + tls::reason(code)});
    taken += static_cast<std::size_t>(code);
  }
  return taken;
}

Result<void> TlsLayer::end_writing() {
  if (failure_) return fail(*failure_);
  end_requested_ = true;
  return established_ ? close_output() : Result<void>{};
}

Result<void> TlsLayer::close_output() {
  if (traffic_)
    traffic_->close();
  else if (const int code = mbedtls_ssl_close_notify(&library_->connection))
    return stop({ErrorCode::kProtocol, "TLS connection failed: " + tls::reason(code)});
  output_ended_ = true;
  return {};
}

std::string TlsLayer::describe() const {
  if (!established_) return "TLS, not yet established";
  auto text = negotiated_;
  if (peer_) text += ", certificate of " + peer_->subject + " by " + peer_->issuer;
  return text;
}

}  // namespace culvert::carrier
