// shim/hook_question.h: the one question of a hook, which has all the time that a hook has; in
// programs, too, that have all the descriptors that they may have.
#pragma once
#include "shim/agent_link.h"

namespace culvert::shim {

// As AgentLink::ask(); `shown`: see AgentLink::show().
bool ask_in_hook(const culvert_question_packet& question, culvert_answer_packet& answer,
                 int shown = -1);

}  // namespace culvert::shim
