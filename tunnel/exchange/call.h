// tunnel/exchange/call.h: one request at the service, from its head to the last octet of its
// answer. Frames and seals what the exchange (server.h) puts into it; decides nothing. Sans-IO.
#pragma once
#include <optional>

#include "tunnel/base/time.h"
#include "tunnel/exchange/http_head.h"
#include "tunnel/exchange/message.h"
#include "tunnel/exchange/seal.h"

namespace culvert::exchange {

class Server;

class Call {
 public:
  class Listener {
   public:
    virtual void on_call_output() = 0;  // pending_output() has grown, or finished() is true now

   protected:
    ~Listener() = default;
  };

  Call(Server& server, const ExchangeKeys& keys, const ExchangeKeys::Token& token,
       const Request& request, const RequestHead& head, Random& random, Listener& listener);
  ~Call();  // tells the server
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  std::uint64_t number() const { return number_; }
  const Request& request() const { return request_; }
  Server* server() const { return server_; }  // null: it is gone

  // For the connection.
  void receive_body(Bytes content, TimePoint now);
  void receive_body_end(TimePoint now);
  bool body_complete() const { return body_complete_; }
  Bytes pending_output() const { return output_.peek(); }
  void output_sent(std::size_t count);
  bool finished() const { return finished_; }  // nothing follows pending_output()
  bool keep_alive() const { return keep_alive_; }

  // For the server: next piece of the body as it comes, and the answer.
  Result<bool> next_piece(ByteVector& text) { return opener_.next(body_, text); }
  bool started() const { return sealer_.has_value(); }
  void put(const Piece& piece);  // into what flush() or finish() sends
  void flush();                  // as a part of an answer that goes on
  void finish();                 // the whole answer, or its end
  std::size_t unsent() const { return output_.size() + content_.size(); }
  void forsake() { server_ = nullptr; }

 private:
  void start();
  void send_head(std::optional<std::size_t> length);

  Server* server_;
  const ExchangeKeys& keys_;  // outlives the server's use of this
  std::uint64_t number_;
  Request request_;
  bool version_1_1_, keep_alive_;
  Random& random_;
  Listener& listener_;
  BodyOpener opener_;
  ByteQueue body_;     // sealed, not yet a whole piece
  ByteQueue content_;  // of the answer, not yet framed
  ByteQueue output_;
  std::optional<BodySealer> sealer_;
  bool body_complete_ = false, head_sent_ = false, finished_ = false;
};

}  // namespace culvert::exchange
