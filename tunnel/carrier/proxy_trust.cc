#include "tunnel/carrier/proxy_trust.h"

#include "tunnel/base/text_file.h"

namespace culvert::carrier {

Result<TlsClientContext*> ProxyTrust::context() {
  if (context_) return &*context_;
  auto roots = read_text_file(kSystemRoots).value_or("");
  if (!more_roots_.empty()) {
    const auto more = read_text_file(more_roots_);
    if (!more)
      return fail(ErrorCode::kBadInput, "the certificates of proxy_ca, " + more_roots_ +
                                            ", cannot be read: " + more.error().detail);
    // By itself first: among the system's, a damaged one would only be passed over.
    if (auto alone = TlsClientContext::make({{}, *more}, random_); !alone)
      return fail(ErrorCode::kBadInput, more_roots_ + ": " + alone.error().detail);
    roots += "\n" + *more;
  }
  if (roots.empty())
    return fail(ErrorCode::kBadInput,
                std::string("no certificate authorities are known (there is no ") + kSystemRoots +
                    "), so no proxy can be trusted by https; install the package "
                    "ca-certificates, or name a file in proxy_ca");
  // A proxy that may choose HTTP/2 answers CONNECT in frames.
  auto made = TlsClientContext::make({{"http/1.1"}, roots, true}, random_);
  if (!made) return fail(made.error());
  context_.emplace(*std::move(made));
  return &*context_;
}

}  // namespace culvert::carrier
