#include "shim/hook_question.h"

#include "shim/own_table.h"

namespace culvert::shim {

bool ask_in_hook(const culvert_question_packet& question, culvert_answer_packet& answer,
                 int shown) {
  AgentLink link(kHookPatienceMs);
  link.show(shown);
  bool answered = link.ask(question, answer);
  if (answered || !link.lacks_descriptor()) return answered;
  with_own_table(shown, [&] {
    AgentLink another(kHookPatienceMs);
    another.show(shown);
    answered = another.ask(question, answer);
  });
  return answered;
}

}  // namespace culvert::shim
