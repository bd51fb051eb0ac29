/* Takes a graph's RESHAPE nodes, which are copies, and does with them what its options say:
 *
 *   notes=FILE       writes down its options, one NAME=VALUE a line
 *   create=WHAT      what it does when it is made,
 *   prepare=WHAT     when it is given a graph,
 *   invoke=WHAT      when it is to copy,
 *   after=N          the last only after so many copies that were right
 *
 * WHAT is abort, segfault, hang, refuse (an error's status), or err (copies wrongly). Hanging in create and prepare
 * keeps the lock of Python's interpreter, in invoke it does not: so the runtimes call them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tflite_delegate.h"

static const char *create_does, *prepare_does, *invoke_does;
static long after, copies;

static int does(const char* what) {
  if (what == NULL) return STATUS_OK;
  if (strcmp(what, "abort") == 0) abort();
  if (strcmp(what, "segfault") == 0) raise(SIGSEGV);
  if (strcmp(what, "hang") == 0)
    for (;;) pause();
  return strcmp(what, "refuse") == 0 ? STATUS_ERROR : STATUS_OK;
}

static int invoke(TfLiteContext* context, TfLiteNode* node) {
  TfLiteTensor *input = &context->tensors[node->inputs->data[0]], *output = &context->tensors[node->outputs->data[0]];
  bool right = copies++ < after || invoke_does == NULL;
  if (!right && does(invoke_does) != STATUS_OK) {
    context->ReportError(context, "the accelerator is tired");
    return STATUS_ERROR;
  }
  memcpy(output->data, input->data, output->bytes);
  if (!right) memset(output->data, 0x55, output->bytes / 2);
  return STATUS_OK;
}

static int prepare(TfLiteContext* context, TfLiteDelegate* delegate) {
  TfLiteIntArray* plan;
  if (does(prepare_does) != STATUS_OK || context->GetExecutionPlan(context, &plan) != STATUS_OK) return STATUS_ERROR;
  for (int i = 0, count = plan->size; i < count; i++) { /* each by itself, so that each has one input and one output */
    TfLiteNode* node;
    TfLiteRegistration* found;
    struct {
      int size;
      int data[1];
    } taken = {1, {plan->data[i]}};
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &found) != STATUS_OK) return STATUS_ERROR;
    if (found->builtin_code != RESHAPE) continue;
    TfLiteRegistration kernel = {.invoke = invoke, .custom_name = "Copies", .version = 1};
    if (context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, (TfLiteIntArray*)&taken, delegate) != STATUS_OK)
      return STATUS_ERROR;
    if (context->GetExecutionPlan(context, &plan) != STATUS_OK) return STATUS_ERROR;
  }
  return STATUS_OK;
}

static TfLiteDelegate copying = {.Prepare = prepare};

TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                              void (*report_error)(const char*)) {
  const char* notes = NULL;
  for (size_t i = 0; i < count; i++) {
    const char* value = strdup(values[i]);
    if (strcmp(keys[i], "notes") == 0) notes = value;
    if (strcmp(keys[i], "create") == 0) create_does = value;
    if (strcmp(keys[i], "prepare") == 0) prepare_does = value;
    if (strcmp(keys[i], "invoke") == 0) invoke_does = value;
    if (strcmp(keys[i], "after") == 0) after = atol(value);
  }
  FILE* file = notes == NULL ? NULL : fopen(notes, "w");
  if (file != NULL) {
    for (size_t i = 0; i < count; i++) fprintf(file, "%s=%s\n", keys[i], values[i]);
    fclose(file);
  }
  if (does(create_does) == STATUS_OK) return &copying;
  report_error("the accelerator is asleep");
  return NULL;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) { (void)delegate; }
