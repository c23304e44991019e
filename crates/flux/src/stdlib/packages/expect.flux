// Expectations of tests about the planner, which has other rules here: accepted, and not checked.
package expect

planner = (rules) => ({})
